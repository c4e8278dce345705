import { expect, test } from "vitest";
import { environmentOf } from "../../../src/engine/library/environment.ts";
import { execRequest } from "../../../src/engine/library/process.ts";
import { containerRequest } from "../../../src/engine/library/request.ts";

test("an environment: what is undefined is left out, in containers and in what is run in them", () => {
  const env = { TOKEN: undefined, A: "1", EMPTY: "", SUM: "a=b" };
  const expected = ["A=1", "EMPTY=", "SUM=a=b"];
  expect(environmentOf(env)).toEqual(expected);
  expect(containerRequest("bb", { env }).env).toEqual(expected);
  expect(execRequest("true", { env }).env).toEqual(expected);
});

test.each(["", "A=B", "A\0"])("no variable is called %j", (name) => {
  const error = expect.objectContaining({ kind: "InvalidArgument" });
  expect(() => containerRequest("bb", { env: { [name]: "x" } })).toThrow(error);
  expect(() => execRequest("true", { env: { [name]: "x" } })).toThrow(error);
});
