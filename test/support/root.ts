/**
 * A test of what podiod does as root: only root can give files away, and only what root makes is somebody else's. For other
 * users it is skipped, by name.
 */
export const itAsRoot: Mocha.PendingTestFunction | Mocha.TestFunction =
  process.getuid?.() === 0 ? it : it.skip;
