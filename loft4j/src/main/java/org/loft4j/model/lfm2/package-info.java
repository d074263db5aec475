/** LFM2: short convolutions between gates in most blocks, attention in the others. */
@NullMarked
package org.loft4j.model.lfm2;

import org.jspecify.annotations.NullMarked;
