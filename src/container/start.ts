/** hutch start: the container's program begins. */
import { open, using, write } from "../host/fd.ts";
import { fileStatus, unlink } from "../host/path.ts";
import { failed, syscall } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { LOCK_EX, LOCK_NB, O_NONBLOCK, O_WRONLY } from "../linux/fcntl.ts";
import { type Container, requireStatus } from "./state.ts";
import { directoryOf, startFifo } from "./store.ts";

/**
 * Lets init go on, and runs the poststart hooks; `warn` hears of those that fail. Init holds the FIFO open,
 * so nobody waits here; without init the open fails with ENXIO.
 */
export async function start(container: Container, warn: (line: string) => void): Promise<void> {
  requireStatus(container, "start", "created");
  release(container);
  const { poststart } = container.record.hooks;
  if (poststart === undefined || poststart.length === 0) return;
  const { hookContext, runHooksAndWarn } = await import("./hook.ts");
  await runHooksAndWarn("poststart", poststart, hookContext({ ...container, status: "running" }), warn);
}

/** Exactly one of many who start a container at once gets the lock while the FIFO has its name. */
function release({ root, id }: Container): void {
  const path = startFifo(directoryOf(root, id));
  using(open(path, O_WRONLY | O_NONBLOCK), (fifo) => {
    const isLocked = !failed(syscall("flock", fifo, LOCK_EX | LOCK_NB));
    if (!isLocked || fileStatus("", { at: fifo })?.links === 0) {
      throw new HutchError({ operation: `start container ${id}`, reason: "another start was faster" });
    }
    write(fifo, new Uint8Array([1]), path);
    // Gone, it says that the container was started.
    unlink(path);
  });
}
