import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { completionScript } from "../../src/cli/completion.ts";
import { runtOci } from "../../src/cli/runt-oci.ts";
import { needs } from "../support/needs.ts";

const directory = mkdtempSync(join(tmpdir(), "runt-test-completion-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("completion", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    needs(`program:${shell}`)(`${shell} takes the script`, () => {
      const path = join(directory, shell);
      writeFileSync(path, completionScript(runtOci, shell));
      const { status, stderr } = spawnSync(shell, ["-n", path], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    });
  }

  needs("program:fish")("fish: a command is completed, and its options", () => {
    const complete = (line: string) => {
      const script = `${completionScript(runtOci, "fish")}\ncomplete --do-complete '${line}'`;
      const { stdout } = spawnSync("fish", ["--no-config", "-c", script], { encoding: "utf8" });
      return stdout
        .split("\n")
        .filter(Boolean)
        .map((l) => l.split("\t")[0]);
    };
    expect(complete("runt-oci st")).toEqual(["start", "state"]);
    expect(complete("runt-oci delete --f")).toEqual(["--force"]);
    expect(complete("runt-oci list --format ")).toEqual(["json", "table"]);
  });

  const complete = (line: string) => {
    const words = line.split(" ");
    const script = `${completionScript(runtOci, "bash")}
runt-oci() { [[ "$*" == *"list --quiet"* ]] && echo "web-1 db-1$1$2"; }
COMP_WORDS=(${words.map((w) => `'${w}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_runt_oci; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);
  };

  test.each([
    ["runt-oci st", ["start", "state"]],
    ["runt-oci --log-format ", ["text", "json"]],
    ["runt-oci --root /x del", ["delete"]],
    ["runt-oci delete --f", ["--force"]],
    ["runt-oci list --format j", ["json"]],
    ["runt-oci kill we", ["web-1"]],
    ["runt-oci --root /x state d", ["db-1--root/x"]],
    ["runt-oci help fea", ["features"]],
  ])("bash: %s", (line, expected) => {
    expect(complete(line)).toEqual(expected);
  });

  test("an unknown shell is refused", () => {
    expect(() => completionScript(runtOci, "tcsh")).toThrow(
      expect.objectContaining({ kind: "InvalidArgument" }),
    );
  });
});
