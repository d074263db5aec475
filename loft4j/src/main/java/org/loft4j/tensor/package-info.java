/** Native tensors: ownership, dtype, device, seeds and shape checks. */
@NullMarked
package org.loft4j.tensor;

import org.jspecify.annotations.NullMarked;
