export { startDaemon } from './daemon/index.ts';
