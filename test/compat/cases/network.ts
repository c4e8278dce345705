/** Networks and published ports. */
import { about } from "../case.ts";
import { plain } from "../image.ts";

const sh = (script: string): string[] => ["--", "sh", "-c", script];
/** Answers one line to whom connects. */
const serving = ["sh", "-c", "while :; do echo served | nc -l -p 80; done"];
const devices = "sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev | sort";

export default [
  ...about("network", {
    verbs: {
      async run(e) {
        return {
          create: await e.see(
            "network",
            "create",
            "--subnet=10.97.1.0/24",
            "--gateway=10.97.1.9",
            "--label=a=b",
            "net-a",
          ),
          again: (await e.see("network", "create", "net-a")).status,
          overlaps: (await e.see("network", "create", "--subnet=10.97.1.0/25", "net-x")).status,
          "bad subnet": (await e.see("network", "create", "--subnet=nonsense", "net-y")).status,
          ls: (await e.see("network", "ls", "-q", "--filter", "name=net-a")).status,
          names: await e.see("network", "ls", "--format", "{{.Name}} {{.Driver}}", "--filter", "label=a=b"),
          "no such network": (await e.see("network", "inspect", "nothing")).status,
          run: await e.run(
            "--network=net-a",
            ...sh(
              `${devices}; ip -o -4 addr show dev eth0 | awk '{print $4}'; ip route | head -n 1 | cut -d' ' -f1-3`,
            ),
          ),
          "an address": await e.run(
            "--network=net-a",
            "--ip=10.97.1.77",
            ...sh("ip -o -4 addr show dev eth0 | awk '{print $4}'"),
          ),
          "outside it": (await e.run("--network=net-a", "--ip=10.98.1.77", "--", "true")).status,
          "a MAC address": await e.run(
            "--network=net-a",
            "--mac-address=02:11:22:33:44:55",
            "--",
            "cat",
            "/sys/class/net/eth0/address",
          ),
          unknown: (await e.run("--network=nothing", "--", "true")).status,
          "in use": await (async () => {
            await e.up("user", "--network=net-a");
            return (await e.see("network", "rm", "net-a")).status;
          })(),
          "inspect of it": await e.see(
            "inspect",
            "--format",
            '{{(index .NetworkSettings.Networks "net-a").Gateway}} {{(index .NetworkSettings.Networks "net-a").IPPrefixLen}}',
            "user",
          ),
          gone: await (async () => {
            await e.ok("kill", "user");
            await e.ok("wait", "user");
            await e.ok("rm", "user");
            return e.see("network", "rm", "net-a");
          })(),
          "gone twice": (await e.see("network", "rm", "net-a")).status,
        };
      },
      after: ["net-a", "net-x", "net-y"].map((name) => ["network", "rm", "--force", name]),
    },
    "connect and disconnect": {
      async run(e) {
        await e.ok("network", "create", "--subnet=10.97.2.0/24", "net-b");
        await e.ok("network", "create", "--subnet=10.97.3.0/24", "net-c");
        await e.up("box", "--network=net-b");
        const addresses = () =>
          e.see("exec", "box", "sh", "-c", "ip -o -4 addr | awk '$2 != \"lo\" {print $2, $4}' | sort");
        return {
          connect: await e.see("network", "connect", "--ip=10.97.3.50", "net-c", "box"),
          both: (await addresses()).stdout.split("\n").length,
          address: (await addresses()).stdout.includes("10.97.3.50/24"),
          again: (await e.see("network", "connect", "net-c", "box")).status,
          disconnect: await e.see("network", "disconnect", "net-b", "box"),
          one: (await addresses()).stdout.split("\n").length,
          "no such network": (await e.see("network", "connect", "nothing", "box")).status,
          "no such container": (await e.see("network", "connect", "net-b", "nobody")).status,
        };
      },
      after: ["net-b", "net-c"].map((name) => ["network", "rm", "--force", name]),
    },
    modes: async (e) => {
      await e.up("first", "--network=bridge", "--hostname=first-host");
      return {
        none: await e.run("--network=none", ...sh(devices)),
        bridge: await e.run("--network=bridge", ...sh(devices)),
        "another container's": await e.run(
          "--network=container:first",
          ...sh(`${devices}; grep -c eth0 /proc/net/dev`),
        ),
        "its hosts": await e.run("--network=container:first", ...sh("grep -c first-host /etc/hosts")),
        "its hostname file": await e.run("--network=container:first", "--", "cat", "/etc/hostname"),
        "its host name": await e.run("--network=container:first", "--", "hostname"),
        "not there": (await e.run("--network=container:nobody", "--", "true")).status,
        "the host's": await e.run("--network=host", ...sh("test -e /proc/net/dev; echo $?")),
        "sysctl of the host's": (
          await e.run("--network=host", "--sysctl=net.ipv4.ip_forward=1", "--", "true")
        ).status,
        pings: await e.shell(
          "ip=$($E inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' first); " +
            `$E run --rm --network=bridge --cap-add=NET_RAW ${plain} ping -c 1 -W 2 $ip >/dev/null; echo $?`,
        ),
      };
    },
  }),
  ...about("ports", {
    published: async (e) => {
      await e.ok(
        "run",
        "-d",
        "--name",
        "web",
        "--network=bridge",
        "-p",
        "18080:80",
        "-p",
        "127.0.0.1:18081:81/udp",
        plain,
        ...serving,
      );
      return {
        port: (await e.see("port", "web")).stdout
          .split("\n")
          .filter((line) => !line.includes("[::]"))
          .sort(),
        "of one": (await e.see("port", "web", "80/tcp")).stdout
          .split("\n")
          .filter((line) => !line.includes("[::]")),
        "not published": (await e.see("port", "web", "99")).status,
        inspect: await e.see(
          "inspect",
          "--format",
          '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}',
          "web",
        ),
        answer: await e.until(
          async () => (await e.shell("busybox nc -w 2 127.0.0.1 18080 </dev/null")).stdout === "served\n",
        ),
        taken: (await e.see("run", "--rm", "--network=bridge", "-p", "18080:80", plain, "true")).status !== 0,
        ps: (await e.see("ps", "--filter", "name=web", "--format", "{{.Ports}}")).stdout
          .split(", ")
          .filter((one) => !one.includes("[::]"))
          .map((one) => one.trim())
          .sort(),
      };
    },
    "ranges and random ones": async (e) => {
      await e.ok(
        "run",
        "-d",
        "--name",
        "range",
        "--network=bridge",
        "-p",
        "18090-18091:90-91",
        "-p",
        "92",
        plain,
        ...serving,
      );
      const ports = (await e.see("port", "range")).stdout
        .split("\n")
        .filter((line) => line && !line.includes("[::]"))
        .sort();
      return {
        ports: ports.map((line) => line.replace(/^(92.*:)\d+$/, "$1<port>")),
        "unequal ranges": (await e.run("--network=bridge", "-p", "1-3:1-2", "--", "true")).status,
      };
    },
    "-P": async (e) => {
      await e.ok("run", "-d", "--name", "all", "--network=bridge", "-P", "--expose=91", plain, ...serving);
      return {
        ports: (await e.see("port", "all")).stdout
          .split("\n")
          .filter((line) => line && !line.includes("[::]"))
          .map((line) => line.replace(/:\d+$/, ":<port>")),
      };
    },
  }),
];
