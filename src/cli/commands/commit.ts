import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";

export default command({
  name: "commit",
  synopsis: "runt commit [options] <container> [<name[:tag]>]",
  summary: "make an image of what a container has become",
  description: [
    "What the container has changed becomes one more layer on its image; what it was made with, its environment and its program among that, becomes the image's configuration. Volumes are no part of it.",
  ],
  examples: [[`runt commit -c 'CMD ["nginx"]' web web:tuned`, "with another program"]],
  source: "docker commit",
  operands: ["container", "[name]"],
  options: {
    author: { type: "string", short: "a", value: "name", summary: "who made the image" },
    change: {
      type: "strings",
      short: "c",
      value: "instruction",
      summary: "of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, …",
    },
    message: { type: "string", short: "m", value: "text", summary: "for the image's history" },
    pause: {
      type: "boolean",
      short: "p",
      default: true,
      summary: "let the container stand still meanwhile; =false does not",
    },
  },
  async run(context, [container, name], { author, change, message, pause }) {
    const engine = await openEngine(context);
    return await interruptible(async (signal) => {
      const id = await engine.commit(container!, {
        name,
        author,
        message,
        pause,
        changes: change,
        onWarning: (text) => context.log("warning", text),
        signal,
      });
      context.print(`${id}\n`);
      return 0;
    });
  },
});
