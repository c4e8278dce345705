/** Networks as people have them: `run --network`, `-p` and the verbs of `network`, on a machine of the test's own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deleteTree } from "../../src/image/snapshot/aside.ts";
import { archivePath, forgetEngines, prepareEngines, processesOf } from "../engine/an-engine.ts";
import { testPrefix } from "../support/bundle.ts";
import { missing } from "../support/needs.ts";
import { hostAddress, isRunning, outside, TestHost, trafficPath, until } from "../support/network-host.ts";
import { command } from "./run-cli.ts";

const gone = missing("root", "cgroup2", "program:ip", "program:nft", "program:pgrep");

describe.skipIf(gone !== undefined)(
  `runt's networks${gone ? ` (needs ${gone})` : ""} — docker's flags, output and exit codes`,
  { timeout: 180_000 },
  () => {
    let directory: string;
    let host: TestHost;

    const runt = (...args: string[]) => {
      const [program, first] = command("runt");
      const places = ["--data-root", join(directory, "root"), "--root", join(directory, "run")];
      const [enter, ...words] = [...host.entering, program, ...first, ...places, ...args];
      const { status, stdout, stderr } = spawnSync(enter!, words, { encoding: "utf8", timeout: 60_000 });
      return { status, stdout, stderr };
    };
    /** What it prints if it succeeds. */
    const line = (...args: string[]) => {
      const { status, stdout, stderr } = runt(...args);
      expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: "" });
      return stdout.trimEnd();
    };
    const traffic = ["-v", `${trafficPath()}:/traffic:ro`];
    /** The output of a command in a container of its own. */
    const once = (options: string[], ...words: string[]) =>
      line("run", "--rm", ...traffic, ...options, "bb", ...words);
    /** One that answers "NAME CLIENT" on port 80. */
    const serving = async (name: string, ...options: string[]) => {
      const serve = ["/traffic", "serve", "tcp", "0.0.0.0", "80", name];
      line("run", "-d", "--name", name, ...traffic, ...options, "bb", ...serve);
      await until(() => runt("logs", name).stdout.includes("ready"));
      return line("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name);
    };
    const clear = (...names: string[]) => line("rm", "-f", ...names);

    beforeAll(async () => {
      prepareEngines();
      directory = mkdtempSync(join(tmpdir(), `${testPrefix}-networks-`));
      host = await TestHost.make();
      line("import", archivePath(), "bb");
      await host.serveOutside("tcp", outside.ipv4, 7000, "internet");
    }, 120_000);

    afterAll(async () => {
      for (const id of runt("ps", "-aq").stdout.split("\n").filter(Boolean)) runt("rm", "-f", id);
      await until(() => processesOf(directory).length === 0);
      expect(readdirSync(join(directory, "root/network/containers"))).toEqual([]);
      await host[Symbol.asyncDispose]();
      await deleteTree(directory);
      forgetEngines();
    }, 120_000);

    test("bridge, host and none are always there: listed, inspected, neither made nor removed", async () => {
      const names = (...options: string[]) =>
        line("network", "ls", ...options, "--format", "{{.Name}} {{.Driver}}");
      expect(names()).toBe("bridge bridge\nhost host\nnone null");
      const rows = line("network", "ls", "--format", "json").split("\n");
      expect(rows.map((row) => JSON.parse(row))).toMatchObject([
        { Name: "bridge", Driver: "bridge", Scope: "local" },
        { Name: "host", Driver: "host", Scope: "local" },
        { Name: "none", Driver: "null", Scope: "local" },
      ]);
      line("network", "create", "app");
      expect(names("--filter", "type=custom")).toBe("app bridge");
      expect(names("--filter", "type=builtin")).toBe("bridge bridge\nhost host\nnone null");
      expect(names("--filter", "driver=bridge", "--filter", "name=b")).toBe("bridge bridge");
      expect(names("--filter", "driver=null")).toBe("none null");
      expect(names("--filter", "dangling=true")).toBe("app bridge");
      expect(runt("network", "ls", "--filter", "type=other")).toMatchObject({ status: 1, stdout: "" });
      for (const name of ["bridge", "host", "none"]) {
        const [id] = line("network", "ls", "-q", "--no-trunc", "--filter", `name=${name}`).split("\n");
        expect(line("network", "inspect", "-f", "{{.Name}}", id!)).toBe(name);
        for (const text of [name, id!.slice(0, 12)])
          expect(runt("network", "rm", text)).toMatchObject({
            status: 1,
            stderr: `error: ${name} is a pre-defined network and cannot be removed\n`,
          });
        expect(runt("network", "create", name)).toMatchObject({
          status: 1,
          stderr: `error: operation is not permitted on predefined ${name} network\n`,
        });
      }
      expect(line("network", "prune", "-f")).toBe("Deleted Networks:\napp");
      expect(names()).toBe("bridge bridge\nhost host\nnone null");
      // What is said of `bridge` before anybody has used it is what the first one gets.
      const subnet = line("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "bridge");
      expect(once([], "busybox", "ip", "-4", "route")).toContain(`${subnet} dev eth0`);
      for (const name of ["host", "none"]) {
        line("run", "-d", "--name", `on-${name}`, "--network", name, "bb", "sleep", "1000");
        expect(line("network", "inspect", "-f", "{{range .Containers}}{{.Name}}{{end}}", name)).toBe(
          `on-${name}`,
        );
        const pid = line("inspect", "-f", "{{.State.Pid}}", `on-${name}`);
        const itself =
          readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync(`/proc/${host.entering[2]}/ns/net`);
        expect(itself).toBe(name === "host");
        const networks = line(
          "inspect",
          "-f",
          "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}",
          `on-${name}`,
        );
        expect(networks).toBe(name);
        expect(runt("network", "connect", "bridge", `on-${name}`).status).toBe(1);
        clear(`on-${name}`);
      }
    });

    test("bridge, the default: an address, a way out by the host's, and no names", async () => {
      expect(once([], "busybox", "ip", "-4", "addr", "show", "eth0")).toMatch(/inet 10\.86\.\d+\.\d+\/16/);
      expect(once([], "/traffic", "ask", "tcp", outside.ipv4, "7000")).toBe(`internet ${hostAddress.ipv4}`);
      await serving("plain");
      const resolved = runt("run", "--rm", ...traffic, "bb", "/traffic", "resolve", "plain");
      expect(resolved.stdout).not.toMatch(/^10\./m);
      clear("plain");
    });

    test("none, host, container:NAME", async () => {
      expect(once(["--network", "none"], "busybox", "ip", "-o", "link")).toMatch(/^1: lo: [^\n]*$/);
      const addresses = once(["--network", "host"], "busybox", "ip", "-4", "addr");
      expect(addresses).toContain(hostAddress.ipv4);
      const address = await serving("shared");
      const joined = ["--network", "container:shared"];
      expect(once(joined, "busybox", "ip", "-4", "addr", "show", "eth0")).toContain(` ${address}/16 `);
      expect(once(joined, "/traffic", "ask", "tcp", "127.0.0.1", "80")).toBe("shared 127.0.0.1");
      expect(once(joined, "cat", "/etc/hosts")).toContain(address);
      expect(runt("run", "--rm", ...joined, "-p", "80:80", "bb").status).toBe(125);
      clear("shared");
      const { status, stderr } = runt("run", "--rm", ...joined, "bb");
      expect({ status, stderr }).toMatchObject({ status: 125, stderr: expect.stringContaining("shared") });
    });

    test("one's own: names, aliases, a fixed address; others find nobody there", async () => {
      line("network", "create", "--subnet", "10.211.7.0/24", "app");
      const options = ["--network", "app", "--network-alias", "store", "--ip", "10.211.7.9"];
      expect(await serving("db", ...options)).toBe("10.211.7.9");
      for (const name of ["db", "store", "DB"])
        expect(once(["--network", "app"], "/traffic", "resolve", name), name).toBe("10.211.7.9");
      expect(once(["--network", "app"], "/traffic", "ask", "tcp", "db", "80")).toMatch(/^db 10\.211\.7\./);
      // Not from another network, neither by name nor by address.
      expect(once([], "sh", "-c", "PATIENCE_MS=1000 /traffic ask tcp 10.211.7.9 80 || true")).not.toContain(
        "db",
      );
      const taken = runt("run", "--rm", "--network", "app", "--ip", "10.211.7.9", "bb", "true");
      expect(taken).toMatchObject({ status: 125, stderr: expect.stringContaining("10.211.7.9") });
      clear("db");
      line("network", "rm", "app");
    });

    test("--internal: its containers reach each other, and nothing else", async () => {
      line("network", "create", "--internal", "inner");
      await serving("hidden", "--network", "inner");
      const inner = ["--network", "inner"];
      expect(once(inner, "/traffic", "ask", "tcp", "hidden", "80")).toMatch(/^hidden /);
      expect(
        once(inner, "sh", "-c", `PATIENCE_MS=1000 /traffic ask tcp ${outside.ipv4} 7000 2>&1 || true`),
      ).not.toContain("internet");
      clear("hidden");
      line("network", "rm", "inner");
    });

    test("-p: addresses, ranges, udp; `port` says where; one that is taken is refused in docker's words", async () => {
      await serving("web", "-p", "8080:80", "-p", "127.0.0.1:8081:80", "-p", "9000-9001:90-91/udp");
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 8080)).toBe(`web ${outside.ipv4}`);
      expect(host.ask("tcp", "127.0.0.1", 8080)).toMatch(/^web /);
      expect(host.ask("tcp", "127.0.0.1", 8081)).toMatch(/^web /);
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 8081)).toBe("connect: Connection refused");
      expect(line("port", "web", "90/udp")).toBe("0.0.0.0:9000\n[::]:9000");
      const listed = () => line("ps", "--filter", "name=web", "--format", "{{.Ports}}");
      expect(listed()).toContain("0.0.0.0:9000-9001->90-91/udp");
      const before = listed();
      line("pause", "web");
      expect(listed()).toBe(before);
      line("unpause", "web");
      expect(line("port", "web").split("\n")).toContain("80/tcp -> 127.0.0.1:8081");
      const again = runt("run", "--name", "again", "-d", "-p", "8080:80", "bb", "sleep", "1000");
      expect(again.status).toBe(125);
      expect(again.stderr).toMatch(/Bind for 0\.0\.0\.0:8080 failed: port is already allocated/);
      expect(line("ps", "-a", "--filter", "name=again", "--format", "{{.Status}}")).toBe("Created");
      clear("web");
      expect(line("start", "again")).toBe("again");
      clear("again");
      expect(host.askFromOutside("tcp", hostAddress.ipv4, 8080)).toBe("connect: Connection refused");
    });

    test("-p on ::1: alone, and with all addresses of a network without IPv6; nothing is left after kill -9", async () => {
      await serving("web", "-p", "8080:80", "-p", "[::1]:8081:80");
      for (const port of [8080, 8081]) expect(host.ask("tcp", "::1", port)).toMatch(/^web 10\.86\./);
      expect(host.ask("tcp", "127.0.0.1", 8081)).toBe("connect: Connection refused");
      expect(host.askFromOutside("tcp", hostAddress.ipv6, 8081)).toBe("connect: Connection refused");
      expect(host.askFromOutside("tcp", hostAddress.ipv6, 8080)).toMatch(/^web 10\.86\./);
      expect(line("port", "web").split("\n")).toEqual([
        "80/tcp -> 0.0.0.0:8080",
        "80/tcp -> [::]:8080",
        "80/tcp -> [::1]:8081",
      ]);
      const init = Number(line("inspect", "-f", "{{.State.Pid}}", "web"));
      for (const pid of processesOf(directory)) if (pid !== init) process.kill(pid, "SIGKILL");
      process.kill(init, "SIGKILL");
      await until(() => host.proxies().length === 0);
      expect(host.ask("tcp", "::1", 8080)).toBe("connect: Connection refused");
      // The first command afterwards can have the same ports.
      await serving("again", "-p", "[::1]:8080:80", "-p", "8081:80");
      expect(host.ask("tcp", "::1", 8080)).toMatch(/^again /);
      clear("web", "again");
      expect(host.proxies()).toEqual([]);
    });

    test("connect and disconnect, of one that runs; rm and prune leave what is used", async () => {
      line("network", "create", "app");
      line("network", "create", "idle");
      await serving("db", "--network", "app");
      line("run", "-d", "--name", "client", ...traffic, "bb", "sleep", "1000");
      const resolve = (name: string) => runt("exec", "client", "/traffic", "resolve", name).stdout.trim();
      expect(resolve("db")).not.toMatch(/^10\./);
      expect(line("network", "connect", "--alias", "me", "app", "client")).toBe("");
      // Its resolv.conf asks the responder from now on.
      const address = line("inspect", "-f", "{{.NetworkSettings.Networks.app.IPAddress}}", "db");
      expect(resolve("db")).toBe(address);
      expect(line("exec", "client", "/traffic", "ask", "tcp", address, "80")).toMatch(/^db /);
      expect(once(["--network", "app"], "/traffic", "resolve", "me")).toMatch(/^10\./);
      const names = line("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", "app");
      expect(names.trim().split(" ").sort()).toEqual(["client", "db"]);
      expect(runt("network", "rm", "app")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("in use"),
      });
      expect(line("network", "prune", "-f")).toBe("Deleted Networks:\nidle");
      line("network", "disconnect", "app", "client");
      expect(runt("network", "disconnect", "app", "client").status).toBe(1);
      expect(
        line("exec", "client", "sh", "-c", `PATIENCE_MS=1000 /traffic ask tcp ${address} 80 2>&1 || true`),
      ).not.toContain("db");
      clear("client", "db");
      expect(line("network", "ls", "--format", "{{.Name}}").split("\n").sort()).toEqual([
        "app",
        "bridge",
        "host",
        "none",
      ]);
      line("network", "rm", "app");
      // The default network's bridge stays.
      await until(() => host.links().length === 1);
      expect(host.links()).toEqual([expect.stringMatching(/^rb-/)]);
    });

    test("off all of them, and started again: on none; each connect is kept", async () => {
      line("network", "create", "app");
      const links = (name: string) =>
        line("exec", name, "busybox", "ip", "-o", "link")
          .split("\n")
          .map((text) => text.split(/[:@ ]+/)[1]);
      line("create", "--name", "box", ...traffic, "bb", "sleep", "1000");
      const inspected = () =>
        line(
          "inspect",
          "-f",
          "{{range $name, $one := .NetworkSettings.Networks}}{{$name}}={{$one.IPAddress}} {{end}}",
          "box",
        );
      expect(inspected()).toBe("bridge=");
      expect(runt("network", "connect", "nothing", "box").status).toBe(1);
      expect(runt("network", "disconnect", "app", "box").status).toBe(1);
      for (const name of ["host", "none"]) {
        const { status, stderr } = runt("network", "connect", name, "box");
        expect({ status, stderr }).toMatchObject({
          status: 1,
          stderr: expect.stringContaining(`network ${name}`),
        });
      }
      // By its ID too.
      line("network", "connect", line("network", "ls", "-q", "--filter", "name=app"), "box");
      expect(inspected()).toBe("app= bridge=");
      line("start", "box");
      expect(links("box")).toEqual(["lo", "eth0", "eth1"]);
      const on = () => line("ps", "--filter", "name=box", "--format", "{{.Networks}}").split(",").sort();
      expect(on()).toEqual(["app", "bridge"]);
      for (const name of on()) line("network", "disconnect", name, "box");
      expect(links("box")).toEqual(["lo"]);
      line("restart", "-t", "0", "box");
      expect(links("box")).toEqual(["lo"]);
      line("network", "connect", "app", "box");
      line("restart", "-t", "0", "box");
      expect(on()).toEqual(["app"]);
      expect(links("box")).toEqual(["lo", "eth0"]);
      clear("box");
      line("network", "rm", "app");
    });

    test("rename: the others find it by the new name at once, and by its aliases as before", async () => {
      // Where nobody else is asked for names.
      line("network", "create", "--internal", "app");
      const address = await serving("old", "--network", "app", "--network-alias", "store");
      line("rename", "old", "new");
      for (const name of ["new", "store"])
        expect(once(["--network", "app"], "/traffic", "resolve", name), name).toBe(address);
      const ask = ["run", "--rm", "--network", "app", ...traffic, "bb", "/traffic", "resolve", "old"];
      expect(runt(...ask).stdout).not.toContain(address);
      expect(line("network", "inspect", "-f", "{{range .Containers}}{{.Name}}{{end}}", "app")).toBe("new");
      clear("new");
      line("network", "rm", "app");
    });

    test("what serves them beside the kernel, killed: there again for who asks for containers or ports", async () => {
      line("network", "create", "app");
      await serving("web", "--network", "app", "-p", "8080:80");
      const kill = async (pids: readonly number[]) => {
        for (const pid of pids) process.kill(pid, "SIGKILL");
        await until(() => !pids.some(isRunning));
      };
      await kill([...host.proxies(), ...host.responders()]);
      expect(host.ask("tcp", "::1", 8080)).toBe("connect: Connection refused");
      line("ps", "-q");
      expect(host.ask("tcp", "::1", 8080)).toMatch(/^web /);
      expect(line("exec", "web", "/traffic", "resolve", "web")).toMatch(/^10\./);
      await kill(host.proxies());
      line("port", "web");
      expect(host.ask("tcp", "::1", 8080)).toMatch(/^web /);
      // Whose port somebody has taken: that is said, and no more than that.
      await kill(host.proxies());
      const server = await host.serve("tcp", "::1", 8080, "program");
      expect(runt("ps", "--format", "{{.Names}}")).toMatchObject({
        status: 0,
        stdout: "web\n",
        stderr: expect.stringContaining("in use by a program of the host"),
      });
      server.kill("SIGKILL");
      await until(() => server.signalCode !== null);
      expect(line("ps", "--format", "{{.Names}}")).toBe("web");
      expect(host.ask("tcp", "::1", 8080)).toMatch(/^web /);
      clear("web");
      expect(host.proxies()).toEqual([]);
      line("network", "rm", "app");
    });

    test("--driver cni: plugins make it, and take it away again", async () => {
      const leases = join(directory, "leases");
      const file = join(directory, "10-plug.conflist");
      const ipam = { type: "host-local", dataDir: leases, ranges: [[{ subnet: "10.77.0.0/24" }]] };
      const plugins = [{ type: "bridge", bridge: "cni0", isGateway: true, ipam }];
      writeFileSync(file, JSON.stringify({ cniVersion: "1.0.0", name: "plug", plugins }));
      line("network", "create", "-d", "cni", "--cni-config", file, "plug");
      expect(await serving("plugged", "--network", "plug")).toBe("10.77.0.2");
      expect(host.ask("tcp", "10.77.0.2", 80)).toMatch(/^plugged /);
      clear("plugged");
      expect(readdirSync(join(leases, "plug")).filter((name) => name.startsWith("10."))).toEqual([]);
      line("network", "rm", "plug");
    });
  },
);
