import { describe, expect, test } from "vitest";
import { read, requestOf } from "./request.ts";

const env = { HERE: "from here", EMPTY: "" };

describe("-e and --env-file", () => {
  test("name=value, the value with anything in it", async () => {
    expect((await requestOf("-e", "A=1", "-e", "B=x=y z", "-e", "C=")).env).toEqual(["A=1", "B=x=y z", "C="]);
  });

  test("a bare name is what it is here, and takes the image's away where it is not set", async () => {
    const { request } = await read(["-e", "HERE", "-e", "EMPTY", "-e", "NOWHERE"], { env });
    expect(request.env).toEqual(["HERE=from here", "EMPTY=", "NOWHERE"]);
  });

  test("the last one of a name counts, and -e more than a file", async () => {
    const files = { "/home/me/env": "A=file\nB=file\n" };
    const { request } = await read(["-e", "A=flag", "--env-file", "env", "-e", "A=last"], { files });
    expect(request.env).toEqual(["A=last", "B=file"]);
  });

  test("a file: comments and empty lines are left out, quotes and spaces stay", async () => {
    const files = { "/env": '\ufeff# comment\n\n  A="q" \r\nHERE\nB=# no comment\n#C=1' };
    const { request } = await read(["--env-file", "/env"], { files, env });
    expect(request.env).toEqual(['A="q" ', "HERE=from here", "B=# no comment"]);
  });

  test.each([
    [["-e", "=x"], {}, '--env "=x": without a name'],
    [["-e", ""], {}, '--env "": without a name'],
    [["--env-file", "/none"], {}, '--env-file "/none": no such file'],
    [["--env-file", "/f"], { "/f": "=x" }, '--env-file "/f": no variable name on line "=x"'],
    [["--env-file", "/f"], { "/f": "A B=x" }, '--env-file "/f": variable "A B" contains whitespace'],
    [["--env-file", "/f"], { "/f": Buffer.from([0x41, 0xff]) }, '--env-file "/f": not a text in UTF-8'],
  ])("%j is refused", async (args, files, message) => {
    await expect(read(args, { files })).rejects.toThrow(
      expect.objectContaining({ kind: "InvalidArgument", message }),
    );
  });
});

describe("--label, --label-file, --annotation", () => {
  test("labels of flags count more than those of files; without a value it is empty", async () => {
    const files = { "/l": "a=file\nb=file\nc\n" };
    const { request } = await read(["-l", "a=flag", "--label-file", "/l", "--label", "d"], { files });
    expect(request.labels).toEqual({ a: "flag", b: "file", c: "", d: "" });
  });

  test("annotations are apart", async () => {
    const request = await requestOf("--annotation", "x.y/z=1");
    expect(request).toMatchObject({ annotations: { "x.y/z": "1" }, labels: {} });
  });

  test("one without a name is refused", async () => {
    await expect(read(["-l", "=x"])).rejects.toThrow('--label "=x": without a name');
  });
});
