/** Text generation, classification, and vectors of texts with a trained model. */
@NullMarked
package org.loft4j.infer;

import org.jspecify.annotations.NullMarked;
