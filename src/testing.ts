/** `podiod/testing`: a Podio of one's own, for tests of plugins and of whatever else calls Podio. */
export * from './emulator/index.ts';
