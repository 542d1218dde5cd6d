/** Hooks: config.md, "POSIX-platform Hooks". */
import type * as v from "valibot";
import { checkEnv } from "./env.ts";
import type { Rule } from "./rule.ts";
import { list, object, optional, optionalTexts, seconds, text } from "./schema.ts";

/** The six moments, in the order in which they come. */
export const HOOK_NAMES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

/** `timeout` is in seconds. */
const hookSchema = () =>
  object({ path: text, args: optionalTexts, env: optionalTexts, timeout: optional(seconds) });

export const hooksSchema = () => {
  const hooks = optional(list(hookSchema()));
  return object({
    prestart: hooks,
    createRuntime: hooks,
    createContainer: hooks,
    startContainer: hooks,
    poststart: hooks,
    poststop: hooks,
  });
};

export type Hook = v.InferOutput<ReturnType<typeof hookSchema>>;
export type Hooks = v.InferOutput<ReturnType<typeof hooksSchema>>;

export const hookRules: readonly Rule[] = [
  {
    section: "config.md#configHooks",
    check({ hooks }, refuse) {
      if (!hooks) return;
      for (const name of HOOK_NAMES) {
        for (const [index, hook] of (hooks[name] ?? []).entries()) {
          const path = `hooks.${name}[${index}]`;
          if (!hook.path.startsWith("/")) refuse(`${path}.path`, "an absolute path", hook.path);
          checkEnv(hook.env, `${path}.env`, refuse);
        }
      }
    },
  },
];
