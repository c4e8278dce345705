/** Asks which of several registries a short name is of, where registries.conf(5) wants a person to say so. */
import { RuntError } from "../errors.ts";
import type { ChooseRegistry } from "../image/registries-conf/short-name.ts";
import { writeAll } from "./output.ts";

const stderr = 2;

/** Says nothing where nobody sits there. @throws {RuntError} InvalidArgument for an answer that is none */
export const chooseRegistry: ChooseRegistry = async (text, names) => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { ask } = await import("./ask.ts");
  const lines = names.map((name, i) => `  ${i + 1}) ${name}\n`).join("");
  writeAll(stderr, `${JSON.stringify(text)} may be any of these:\n${lines}`);
  const answer = (await ask(`Which one? [1-${names.length}]: `)).trim();
  const chosen = names[Number(answer) - 1] ?? names.find((name) => name === answer);
  if (chosen !== undefined) return chosen;
  throw new RuntError("InvalidArgument", `${JSON.stringify(answer)} is none of them`, { operation: "pull" });
};
