import { command } from "../command.ts";
import { interruptible } from "../interrupt.ts";

/** What nobody's password exceeds. */
const longestPassword = 1 << 16;

export default command({
  name: "login",
  synopsis: "runt login [options] [<server>]",
  summary: "keep a user name and password for a registry",
  description: [
    "They are kept once the registry has taken them: by the credential helper that docker's config.json names, else in that file, where docker and podman find them too. Without a server it is docker.io.",
  ],
  examples: [
    ['echo "$PASSWORD" | runt login --username me --password-stdin localhost:5000', "from a script"],
  ],
  source: "docker login; --authfile, --tls-verify, --cert-dir as in podman-login(1)",
  operands: ["[server]"],
  options: {
    username: { type: "string", short: "u", value: "name", summary: "asked for where it is not given" },
    password: {
      type: "string",
      short: "p",
      value: "password",
      summary: "others can see it while the command runs: better asked for, or from stdin",
    },
    passwordStdin: { type: "boolean", summary: "read the password from stdin" },
    tlsVerify: {
      type: "boolean",
      default: true,
      summary: "verify the registry's certificate; =false also allows plain HTTP",
    },
    authfile: { type: "string", value: "file", summary: "where to keep it, instead of docker's place" },
    certDir: {
      type: "string",
      value: "dir",
      summary: "with <host>/*.crt and client certificates, or <host>/hosts.toml",
    },
  },
  async run(context, [server = ""], options) {
    const { tlsVerify, authfile, certDir } = options;
    const { login, loginDomain } = await import("../../image/registry/credentials/login.ts");
    const user = await userOf(options);
    return await interruptible(async (signal) => {
      const { helper, file } = await login(server, user, {
        signal,
        ...(!tlsVerify && { insecure: [loginDomain(server)] }),
        ...(authfile !== undefined && { authFile: authfile }),
        ...(certDir !== undefined && { hostDirectories: [certDir] }),
      });
      if (helper === undefined) context.log("warning", `the password is in ${file}, not encrypted`);
      context.print("Login Succeeded\n");
      return 0;
    });
  },
});

async function userOf(options: {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin: boolean;
}): Promise<{ username: string; password: string }> {
  const { username, password, passwordStdin } = options;
  const { ask, askPassword, readStdin } = await import("../ask.ts");
  const { RuntError } = await import("../../errors.ts");
  const site = { operation: "login" };
  if (!passwordStdin) {
    return {
      username: username ?? (await ask("Username: ")),
      password: password ?? (await askPassword("Password: ")),
    };
  }
  if (password !== undefined) {
    throw new RuntError("InvalidArgument", "--password and --password-stdin exclude each other", site);
  }
  if (username === undefined)
    throw new RuntError("InvalidArgument", "--password-stdin needs --username", site);
  return { username, password: await readStdin(longestPassword) };
}
