/**
 * The worker of the browser adapter: bundle this module and run it as a dedicated worker. It needs
 * nothing else of the page.
 *
 * @module
 */

import { serveTransforms, type TransformScope } from "./browser_transforms.ts";

serveTransforms(globalThis as unknown as TransformScope);
