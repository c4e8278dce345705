import { command } from "../command.ts";

export default command({
  name: "completion",
  synopsis: "completion bash|zsh|fish",
  summary: "print a script that completes commands and options in a shell",
  examples: [
    ["runt-oci completion bash > /etc/bash_completion.d/runt-oci", "for everyone on this machine"],
    ["source <(runt-oci completion zsh)", "for this shell"],
  ],
  source: "bash(1), zshcompsys(1), fish-completions(1)",
  operands: ["shell"],
  options: {},
  async run(context, [shell]) {
    const { completionScript } = await import("../completion.ts");
    context.print(await completionScript(context.program, shell!));
    return 0;
  },
});
