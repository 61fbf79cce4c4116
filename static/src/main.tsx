import { render } from "preact";
import { App } from "./ui/app.tsx";
import { start } from "./ui/state.ts";
import "./ui/heat.css";

void start().then(() => {
  const root = document.getElementById("app");
  if (root) render(<App />, root);
});
