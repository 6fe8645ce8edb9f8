/** The entry: theme, then the page. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startTheme } from "../state/theme.ts";
import { App } from "./app.tsx";
import "./style/base.css";
import "./style/layout.css";
import "./style/panels.css";
import "./style/pages.css";

startTheme();
createRoot(document.getElementById("root") as HTMLElement).render(<StrictMode><App /></StrictMode>);
