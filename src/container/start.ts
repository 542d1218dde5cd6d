/** hutch start: the container's program begins. */
import { unlink } from "../host/path.ts";
import { sendTo } from "../host/socket.ts";
import { HutchError } from "../linux/error.ts";
import { type Container, requireStatus } from "./state.ts";
import { directoryOf, startSocket } from "./store.ts";

/**
 * Lets init go on, and runs the poststart hooks. One that fails is an error, and the container is deleted
 * (runtime.md, "Lifecycle", 9 and 12); `warn` hears of poststop hooks that fail then.
 */
export async function start(container: Container, warn: (line: string) => void): Promise<void> {
  requireStatus(container, "start", "created");
  release(container);
  const { poststart } = container.record.hooks;
  if (poststart === undefined || poststart.length === 0) return;
  const { hookContext, runHooks } = await import("./hook.ts");
  try {
    await runHooks("poststart", poststart, hookContext({ ...container, status: "running" }));
  } catch (error) {
    const { deleteForced } = await import("./delete.ts");
    await deleteForced(container.root, container.id, warn);
    throw error;
  }
}

/** Init goes on once, however often it is told. Who removes the socket, and only one can, has started it. */
function release({ root, id }: Container): void {
  const path = startSocket(directoryOf(root, id));
  const reached = sendTo(path, new Uint8Array([1]));
  if (reached === "reached" && unlink(path)) return;
  throw new HutchError({
    operation: `start container ${id}`,
    reason: reached === "refused" ? "container not running" : "another start was faster",
  });
}
