import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "revive",
  synopsis: "runt revive",
  summary: "start the containers that a restart policy wants to run, once the machine has started",
  description: ["There is no daemon that would do it: let a service of the machine run this at its start."],
  source: "what dockerd does when it starts; podman start --all --filter restart-policy=always",
  operands: [],
  options: {},
  async run(context) {
    const engine = await openEngine(context);
    for (const id of await engine.revive()) context.print(`${id}\n`);
    return 0;
  },
});
