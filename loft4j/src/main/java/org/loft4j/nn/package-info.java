/** Layers and losses, and the interface that every model fulfils. */
@NullMarked
package org.loft4j.nn;

import org.jspecify.annotations.NullMarked;
