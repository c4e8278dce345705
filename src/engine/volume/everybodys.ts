/** Directories and files of the host that all programs need, and that `U` gives to nobody. podman has the same list. */
import { existsSync, readFileSync, type Stats, statSync } from "node:fs";
import { homedir } from "node:os";

const paths = (
  "/ /bin /boot /dev /etc /etc/passwd /etc/pki /etc/shadow /home /lib /lib64 /media /opt /proc /root /run /sbin /srv " +
  "/sys /tmp /usr /var /var/lib /var/log"
).split(" ");

/** By what it is, and not by name: "/bin" is a link mostly, and any directory may be mounted elsewhere too. */
export function isEverybodys(file: Stats): boolean {
  return [...paths, homedir(), ...homeBeforeSudo()].some((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.dev === file.dev && stat.ino === file.ino;
  });
}

function homeBeforeSudo(): string[] {
  const { SUDO_USER: name } = process.env;
  if (!name || !existsSync("/etc/passwd")) return [];
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const home = lines.find((line) => line.startsWith(`${name}:`))?.split(":")[5];
  return home ? [home] : [];
}
