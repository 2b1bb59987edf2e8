/** What the server puts before the service worker: the version of the app, its paths and its files. */
declare const SHELL: { version: string; base: string; routes: string[]; assets: string[] };
