/** From the address to the page. */
import { QueryClientProvider } from "@tanstack/react-query";
import { Component, useEffect, useState, type ReactNode } from "react";
import { usePath } from "../state/location.ts";
import { newQueryClient } from "../state/queries.ts";
import { type Route, routeOf } from "../state/route.ts";
import { Frame } from "../views/frame.tsx";
import { Link } from "../views/link.tsx";
import { LoginPage } from "../views/login.tsx";
import { ErrorBox } from "../views/parts.tsx";
import { ProjectsPage } from "../views/projects.tsx";
import { RunPage } from "../views/run/run-page.tsx";
import { WorkspacePage } from "../views/workspace/workspace.tsx";

export function App() {
  const [client] = useState(newQueryClient);
  const path = usePath();
  const route = routeOf(path);
  useEffect(() => {
    document.title = titleOf(route);
  });
  return (
    <QueryClientProvider client={client}>
      <Fence key={path}><Page route={route} /></Fence>
    </QueryClientProvider>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "projects": return <ProjectsPage />;
    case "login": return <LoginPage />;
    case "workspace": return <WorkspacePage entity={route.entity} project={route.project} />;
    case "run": return <RunPage entity={route.entity} project={route.project} run={route.run} />;
    case "lost": return <LostPage />;
  }
}

function LostPage() {
  return (
    <Frame>
      <main className="page narrow"><h1>There is no such page</h1><p><Link href="/">All projects</Link></p></main>
    </Frame>
  );
}

function titleOf(route: Route): string {
  if (route.page === "workspace") return `${route.project} · Holdfast`;
  return route.page === "run" ? `${route.run} · ${route.project} · Holdfast` : "Holdfast";
}

/** A defect in a page stops that page only, and says so. */
class Fence extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state as { error: Error | null };
    if (!error) return this.props.children;
    const said = new Error(`This page has a defect: ${error.message}`);
    return <Frame><main className="page narrow"><ErrorBox error={said} retry={() => location.reload()} /></main></Frame>;
  }
}
