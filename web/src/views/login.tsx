/** `/login`: asks for an API key, for as long as the server answers 401. */
import { useState, type FormEvent } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { openSession } from "../api/session.ts";
import { navigate } from "../state/location.ts";
import { nextAfterLogin } from "../state/route.ts";
import { Frame } from "./frame.tsx";
import { ErrorBox } from "./parts.tsx";

export function LoginPage() {
  const client = useQueryClient();
  const [key, setKey] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    openSession(key.trim()).then(
      () => { client.clear(); navigate(nextAfterLogin(location.search), true); },
      (failure: unknown) => { setError(failure as Error); setBusy(false); },
    );
  };
  return (
    <Frame>
      <main className="page narrow">
        <form className="login" onSubmit={submit}>
          <h1>Log in</h1>
          <p>Paste an API key of <code>{location.host}</code>.</p>
          <input type="password" name="key" aria-label="API key" placeholder="API key" autoComplete="current-password" autoFocus
            value={key} onChange={(event) => setKey(event.target.value)} />
          <button type="submit" className="primary" disabled={busy || key.trim() === ""}>Log in</button>
          {error && <ErrorBox error={error} />}
          <p className="muted">
            <code>holdfast serve</code> prints a link that logs you in when it starts; somebody who runs the server makes a key
            with <code>holdfast users add NAME</code>.
          </p>
        </form>
      </main>
    </Frame>
  );
}
