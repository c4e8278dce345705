import { command } from "../command.ts";
import { openImages, platformOption, toPlatform } from "../images.ts";

export default command({
  name: "tag",
  synopsis: "runt tag <image> <name[:tag]>",
  summary: "give an image another name",
  source: "docker tag",
  operands: ["image", "name"],
  options: platformOption,
  async run(context, [source, target], { platform }) {
    const images = await openImages(context);
    await images.tag(source!, target!, await toPlatform(platform));
    return 0;
  },
});
