/** StarCoder 2: layer norms, biases and a window. */
@NullMarked
package org.loft4j.model.starcoder2;

import org.jspecify.annotations.NullMarked;
