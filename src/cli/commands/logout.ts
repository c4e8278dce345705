import { command } from "../command.ts";

export default command({
  name: "logout",
  synopsis: "runt logout [options] [<server>]",
  summary: "forget the user name and password for a registry",
  source: "docker logout; --authfile as in podman-logout(1)",
  operands: ["[server]"],
  options: {
    authfile: { type: "string", value: "file", summary: "where it is kept, instead of docker's place" },
  },
  async run(context, [server = ""], { authfile }) {
    const { loginDomain, logout } = await import("../../image/registry/credentials/login.ts");
    const known = await logout(server, authfile === undefined ? {} : { authFile: authfile });
    const domain = loginDomain(server);
    context.print(known ? `Removing login credentials for ${domain}\n` : `Not logged in to ${domain}\n`);
    return 0;
  },
});
