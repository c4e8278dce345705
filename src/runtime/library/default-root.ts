/** Where state is kept when nobody says. */

/** `/run/runt`; `$XDG_RUNTIME_DIR/runt` for an ordinary user, as runc does it with its own name. */
export function defaultRoot(): string {
  if (process.geteuid!() === 0) return "/run/runt";
  return `${process.env.XDG_RUNTIME_DIR ?? `/tmp/runt-${process.geteuid!()}`}/runt`;
}
