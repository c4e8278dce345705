import { commandGroup } from "../subcommands.ts";
import run from "./healthcheck/run.ts";

export default commandGroup({
  name: "healthcheck",
  summary: "a container's health check: run",
  source: "podman-healthcheck(1)",
  commands: { run },
});
