// Parts that are shown a moment after a change, so that the change itself appears sooner.

import { Component } from "../vendor/preact.js";
import "../vendor/preact-signals.js";

/** A component that follows signals after the next frame. @extends {Component<{ of: () => import("preact").ComponentChild }>} */
export class AfterFrame extends Component {
  /** @override @param {{}} state */
  setState(state) {
    requestAnimationFrame(() => setTimeout(() => super.setState(state)));
  }

  /** @override */
  render() {
    return this.props.of();
  }
}
