import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { completionScript } from "../../src/cli/completion.ts";
import { runt } from "../../src/cli/runt.ts";
import { runtOci } from "../../src/cli/runt-oci.ts";
import { needs } from "../support/needs.ts";

const directory = mkdtempSync(join(tmpdir(), "runt-test-completion-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("completion", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    for (const program of [runtOci, runt]) {
      needs(`program:${shell}`)(`${shell} takes the script of ${program.name}`, async () => {
        const path = join(directory, `${shell}-${program.name}`);
        writeFileSync(path, await completionScript(program, shell));
        const { status, stderr } = spawnSync(shell, ["-n", path], { encoding: "utf8" });
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      });
    }
  }

  needs("program:fish")("fish: a command is completed, and its options", async () => {
    const complete = async (line: string) => {
      const program = line.startsWith("runt ") ? runt : runtOci;
      const path = join(directory, `${program.name}.fish`);
      // Too long for an argument.
      writeFileSync(path, await completionScript(program, "fish"));
      const script = `source ${path}; complete --do-complete '${line}'`;
      const { stdout } = spawnSync("fish", ["--no-config", "-c", script], { encoding: "utf8" });
      return stdout
        .split("\n")
        .filter(Boolean)
        .map((l) => l.split("\t")[0]);
    };
    expect(await complete("runt-oci st")).toEqual(["start", "state"]);
    expect(await complete("runt-oci delete --f")).toEqual(["--force"]);
    expect(await complete("runt-oci list --format ")).toEqual(["json", "table"]);
    expect(await complete("runt volume pr")).toEqual(["prune"]);
    expect(await complete("runt network create --driver mac")).toEqual(["macvlan"]);
    expect(await complete("runt rm --fo")).toEqual(["--force"]);
  });

  const complete = async (line: string) => {
    const words = line.split(" ");
    const program = words[0] === "runt" ? runt : runtOci;
    const script = `${await completionScript(program, "bash")}
runt-oci() { [[ "$*" == *"list --quiet"* ]] && echo "web-1 db-1$1$2"; }
runt() { echo "listed:$*" | tr -d " '{}"; }
COMP_WORDS=(${words.map((w) => `'${w}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_${program.name.replace("-", "_")}; printf '%s\\n' "\${COMPREPLY[@]}"`;
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
    ["runt unp", ["unpause", "unpack"]],
    ["runt volume pr", ["prune"]],
    ["runt volume rm li", ["listed:volumels--quiet"]],
    ["runt --data-root /x stop li", ["listed:--data-root/xps--format.Names"]],
    ["runt start li", ["listed:ps--all--format.Names"]],
    ["runt rmi li", ["listed:images--filterdangling=false--format.Repository:.Tag"]],
    [
      "runt inspect li",
      ["ps--all", "images--filterdangling=false"]
        .map((list) => expect.stringContaining(`listed:${list}`))
        .concat(["listed:volumels--quiet", "listed:networkls--format.Name"]),
    ],
    ["runt volume inspect li", ["listed:volumels--quiet"]],
    ["runt container inspect li", ["listed:ps--all--format.Names"]],
    ["runt network create -d mac", ["macvlan"]],
    ["runt run --pull nev", ["never"]],
  ])("bash: %s", async (line, expected) => {
    expect(await complete(line)).toEqual(expected);
  });

  test("an unknown shell is refused", async () => {
    await expect(completionScript(runtOci, "tcsh")).rejects.toThrow(
      expect.objectContaining({ kind: "InvalidArgument" }),
    );
  });
});
