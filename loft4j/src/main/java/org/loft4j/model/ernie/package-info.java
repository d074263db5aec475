/** ERNIE 4.5: Llama whose neighbours are turned, in float32. */
@NullMarked
package org.loft4j.model.ernie;

import org.jspecify.annotations.NullMarked;
