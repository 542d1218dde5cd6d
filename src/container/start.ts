/** hutch start: the container's program begins. */
import { close, open, write } from "../host/fd.ts";
import { unlink } from "../host/path.ts";
import { O_NONBLOCK, O_WRONLY } from "../linux/fcntl.ts";
import { type Container, requireStatus } from "./state.ts";
import { startFifo } from "./store.ts";

/**
 * Lets init go on, and runs the poststart hooks; `warn` hears of those that fail. Init holds the FIFO open, so nobody waits here; without init
 * the open fails with ENXIO.
 */
export async function start(container: Container, warn: (line: string) => void): Promise<void> {
  requireStatus(container, "start", "created");
  const path = startFifo(container.root, container.id);
  const fifo = open(path, O_WRONLY | O_NONBLOCK);
  try {
    write(fifo, new Uint8Array([1]), path);
  } finally {
    close(fifo);
  }
  // Gone, it says that the container was started.
  unlink(path);
  const { poststart } = container.record.hooks;
  if (poststart === undefined || poststart.length === 0) return;
  const { hookContext, runHooksAndWarn } = await import("./hook.ts");
  await runHooksAndWarn("poststart", poststart, hookContext({ ...container, status: "running" }), warn);
}
