/** Completion for bash. */
import type { Command, Program } from "../command.ts";
import {
  type Called,
  calledCommands,
  type Flag,
  flags,
  groupsOf,
  listingsFor,
  roots,
  words,
} from "./words.ts";

export function bash(program: Program, commands: readonly Command[]): string {
  const name = `_${program.name.replaceAll("-", "_")}`;
  const globals = flags(program.options);
  const valued = words(globals.filter((f) => f.value !== "none" && !isRoot(f))).join("|");
  const groups = groupsOf(commands);
  const top = [...commands.map((command) => command.name), "help"].join(" ");
  return `# bash completion for ${program.name}
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i root=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
    ${
      globals
        .filter(isRoot)
        .map((f) => `--${f.long}`)
        .join("|") || "--root"
    }) root+=("\${COMP_WORDS[i]}" "\${COMP_WORDS[i+1]}"); ((i++)) ;;
    ${valued}) ((i++)) ;;
    -*) ;;
    *)
      if [[ -n $command ]]; then command+=" \${COMP_WORDS[i]}"; break; fi
      command=\${COMP_WORDS[i]}
      case "$command" in ${groups.map((group) => group.name).join("|") || "''"}) ;; *) break ;; esac ;;
    esac
  done
  case "$command" in
  "")
    case "$prev" in
${choices(globals)}${files(globals)}    esac
    case "$cur" in
    -*) COMPREPLY=($(compgen -W "${[...words(globals), "--version"].join(" ")}" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "${top}" -- "$cur")) ;;
    esac ;;
  help) COMPREPLY=($(compgen -W "${commands.map((c) => c.name).join(" ")}" -- "$cur")) ;;
${groups.map(groupCase).join("")}${calledCommands(commands)
  .map((called) => commandCase(program, called))
  .join("")}  esac
}
complete -o filenames -o bashdefault -F ${name} ${program.name}
`;
}

function isRoot(f: Flag): boolean {
  return (roots as readonly string[]).includes(`--${f.long}`);
}

function groupCase({ name, commands }: Command): string {
  const within = Object.keys(commands ?? {}).join(" ");
  return `  ${name}) COMPREPLY=($(compgen -W "${within} --help" -- "$cur")) ;;\n`;
}

function commandCase(program: Program, { name, command }: Called): string {
  const own = flags(command.options);
  const lists = listingsFor(command).map((list) => `$(${program.name} "\${root[@]}" ${list} 2>/dev/null)`);
  const operand = lists.length > 0 ? `compgen -W "${lists.join(" ")}" -- "$cur"` : `compgen -f -- "$cur"`;
  return `  ${name.includes(" ") ? `"${name}"` : name})
    case "$prev" in
${choices(own)}${files(own)}    esac
    case "$cur" in
    -*) COMPREPLY=($(compgen -W "${words(own).join(" ")}" -- "$cur")) ;;
    *) COMPREPLY=($(${operand})) ;;
    esac ;;
`;
}

function choices(fs: readonly Flag[]): string {
  return fs
    .filter((f) => Array.isArray(f.value))
    .map(
      (f) =>
        `    ${words([f]).join("|")}) COMPREPLY=($(compgen -W "${(f.value as string[]).join(" ")}" -- "$cur")); return ;;\n`,
    )
    .join("");
}

function files(fs: readonly Flag[]): string {
  const pattern = words(fs.filter((f) => f.value === "file")).join("|");
  return pattern ? `    ${pattern}) COMPREPLY=($(compgen -f -- "$cur")); return ;;\n` : "";
}
