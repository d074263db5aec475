/** Optimizers on explicit parameters: AdamW, LoFT, schedules and clipping. */
@NullMarked
package org.loft4j.optim;

import org.jspecify.annotations.NullMarked;
