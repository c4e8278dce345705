import { command } from "../../command.ts";
import { humanSize } from "../../human.ts";
import { openImages } from "../../images.ts";
import { interruptible } from "../../interrupt.ts";
import { goJson } from "../../output.ts";

export default command({
  name: "fsck",
  synopsis: "runt fsck [options]",
  summary: "verify every blob, image and layer that is here",
  description: [
    "Every blob is read and hashed. The exit status is 1 where something is wrong. With --repair what is damaged is taken away, so that a pull brings it back.",
  ],
  source: "runt's own",
  operands: [],
  options: {
    format: {
      type: "choice",
      value: "format",
      choices: ["text", "json"],
      default: "text",
      summary: "for people or for programs",
    },
    repair: { type: "boolean", summary: "take away what is damaged" },
  },
  async run(context, _operands, { format, repair }) {
    const images = await openImages(context, "files");
    return await interruptible(async (signal) => {
      const report = await images.fsck({ repair, signal });
      const { content, layers } = report;
      const problems = [...content.problems, ...layers.problems];
      if (format === "json") context.print(`${goJson(report)}\n`);
      else {
        for (const { what, repaired } of problems)
          context.print(`${what}${repaired ? " (taken away)" : ""}\n`);
        const counts = `${content.blobs} blobs (${humanSize(content.bytes)}), ${content.images} images, ${layers.checked} layers`;
        context.print(`${counts}: ${problems.length === 0 ? "sound" : `${problems.length} wrong`}\n`);
      }
      return problems.some(({ repaired }) => !repaired) ? 1 : 0;
    });
  },
});
