export { type Managed, type Manager, makeManager, watchdogMs } from './manager.ts';
export { makeNotifier } from './notify.ts';
export { type InheritedSockets, inheritedSockets } from './sockets.ts';
