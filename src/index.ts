/** hutch as a library: docs/library.md says how to use it. */

export { type Container, container, type RunningContainer, type StartOptions } from "./library/container.ts";
export type { ExecOptions } from "./library/exec.ts";
export type { Exit } from "./library/launcher.ts";
export type { BundleOptions, ContainerOptions } from "./library/options.ts";
export type { RunningProcess } from "./library/running.ts";
export type { Stats } from "./library/stats.ts";
export type { Stream } from "./library/stream.ts";
export { HutchError } from "./linux/error.ts";
export type { SignalName } from "./linux/signal.ts";
export type { Spec } from "./spec/spec.ts";
