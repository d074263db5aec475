/** StableLM: layer norms before gated parts, which may read the same states. */
@NullMarked
package org.loft4j.model.stablelm;

import org.jspecify.annotations.NullMarked;
