import { exitCodeOf } from "../../engine/exit-code.ts";
import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { containerOptions } from "../container-flags/request.ts";
import { runFlags } from "../run-flags.ts";

/** 125 for what is ours, 126 and 127 as a shell has them. */
export function statusOfFailure(error: unknown): number {
  return error instanceof RuntError ? exitCodeOf(error) : 125;
}

export default command({
  name: "run",
  synopsis: "runt run [options] <image> [command] [args…]",
  summary: "make a container of an image, and run a program in it",
  description: [
    "In the foreground the container's output is ours, and so is its exit status: 125 means that runt could not start it, 126 that the program cannot be executed, 127 that there is none of that name, 128 and a number that a signal has killed it.",
    "Options come before the image; what follows it is the program, instead of the one that the image names.",
  ],
  examples: [
    ["runt run --rm -it alpine", "a shell in a container that is gone afterwards"],
    [
      "runt run -d --name web -p 8080:80 -v ./site:/usr/share/nginx/html:ro nginx",
      "a server in the background",
    ],
    [
      "runt run --rm --network none --memory 64m --pids-limit 32 --read-only alpine ./untrusted",
      "with limits",
    ],
  ],
  source: "docker run; podman-run(1) for what docker has not",
  operands: ["image", "[command…]"],
  passesThrough: true,
  options: { ...runFlags, ...containerOptions },
  failureStatus: statusOfFailure,
  run: async (context, operands, options) =>
    (await import("../run-container.ts")).runContainer(context, operands, options),
});
