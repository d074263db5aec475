/** EXAONE 4.0: norms behind attention and feed-forward and of each head; where some blocks have windows, the others are not turned. */
@NullMarked
package org.loft4j.model.exaone4;

import org.jspecify.annotations.NullMarked;
