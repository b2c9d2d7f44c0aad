/** From the journal to the plugins: one lane for each rule. */
export { type Dispatcher, type DispatcherDeps, makeDispatcher } from './dispatcher.ts';
export { type DryRun, type DryRunDeps, type DryStep, dryRun } from './dry-run.ts';
export type { LaneState, RuleStatus } from './lane.ts';
export { type Known, type Match, type Matcher, makeMatcher } from './match.ts';
