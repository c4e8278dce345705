/** The list of networks, where the default one is not there yet and cannot be made. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { networkContext } from "../../../src/engine/network/context.ts";
import { writeDefinition } from "../../../src/engine/network/definitions.ts";
import { defineNetwork } from "../../../src/engine/network/network-options.ts";
import { NetworkStore } from "../../../src/engine/network/store.ts";
import { testPrefix } from "../../support/bundle.ts";

/** A store with the network `app`, that of `subnet`, which has not been looked at yet. */
function storeWith(subnet: string): Disposable & {
  readonly store: NetworkStore;
  readonly root: string;
  readonly logged: readonly string[];
} {
  const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-list-`));
  const logged: string[] = [];
  const [root, definitions] = [join(directory, "root"), join(directory, "definitions")];
  const context = networkContext({ root, definitions, log: (message) => logged.push(message) });
  mkdirSync(definitions);
  const app = defineNetwork(context, { name: "app" }, []);
  writeDefinition(definitions, { ...app, subnets: [{ subnet, gateway: "", ipRange: "" }] });
  const [dispose, store] = [() => rmSync(directory, { recursive: true }), new NetworkStore(context)];
  return { store, root, logged, [Symbol.dispose]: dispose };
}

const namesOf = async (store: NetworkStore) => (await store.list()).map(({ name }) => name);

describe("network ls", () => {
  test("the first look makes the default network", async () => {
    using t = storeWith("192.0.2.0/24");
    expect(await namesOf(t.store)).toEqual(["app", "bridge", "host", "none"]);
    expect(t.logged).toEqual([]);
  });

  test("with no subnet left for it the others are listed, and who asks for it is told why", async () => {
    using t = storeWith("10.64.0.0/10");
    expect(await namesOf(t.store)).toEqual(["app", "host", "none"]);
    expect(t.logged).toEqual(["network ls: network bridge cannot be made: no free subnet is left"]);
    await expect(t.store.get("bridge")).rejects.toThrow("no free subnet is left");
    expect((await t.store.get("app")).name).toBe("app");
  });

  test("where nothing can be written the others are listed", async () => {
    using t = storeWith("192.0.2.0/24");
    // For root too.
    writeFileSync(t.root, "");
    expect(await namesOf(t.store)).toEqual(["app", "host", "none"]);
    expect(t.logged).toEqual([
      expect.stringMatching(/^network ls: network bridge cannot be made: .*ENOTDIR/),
    ]);
  });
});
