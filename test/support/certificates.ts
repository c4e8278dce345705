/** A certificate authority for one test, made by openssl(1): servers and clients with certificates that it signs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate and its key, as files and as PEM text. */
export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority whose files are in a directory of the caller's. */
export class Authority {
  readonly certFile: string;
  readonly cert: string;
  readonly #directory: string;
  readonly #keyFile: string;
  #issued = 0;

  /** @param directory made if missing; the caller removes it */
  constructor(directory: string, name = "runt test authority") {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.certFile = join(directory, "authority.crt");
    this.#keyFile = join(directory, "authority.key");
    openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${name}`, "-keyout", this.#keyFile, "-out", this.certFile],
    );
    this.cert = readFileSync(this.certFile, "utf8");
  }

  /** A certificate for `names` (host names and addresses), or for a client where there are none. */
  issue(...names: readonly string[]): KeyPair {
    const base = join(this.#directory, `issued-${++this.#issued}`);
    const [certFile, keyFile, requestFile, extensionFile] = [".crt", ".key", ".csr", ".ext"].map(
      (end) => base + end,
    );
    const usage = names.length > 0 ? "serverAuth" : "clientAuth";
    const alternatives = names.map((name) => `${/^[\d.]+$|:/.test(name) ? "IP" : "DNS"}:${name}`).join(",");
    writeFileSync(
      extensionFile!,
      `extendedKeyUsage=${usage}\n${alternatives === "" ? "" : `subjectAltName=${alternatives}\n`}`,
    );
    openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", `/CN=${names[0] ?? "client"}`, "-keyout", keyFile!, "-out", requestFile!],
    );
    openssl(
      ...[
        "x509",
        "-req",
        "-in",
        requestFile!,
        "-CA",
        this.certFile,
        "-CAkey",
        this.#keyFile,
        "-CAcreateserial",
      ],
      ...["-days", "2", "-extfile", extensionFile!, "-out", certFile!],
    );
    const [cert, key] = [readFileSync(certFile!, "utf8"), readFileSync(keyFile!, "utf8")];
    return { certFile: certFile!, keyFile: keyFile!, cert, key };
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
