/** Argument checks and the exceptions that every package throws. */
@NullMarked
package org.loft4j;

import org.jspecify.annotations.NullMarked;
