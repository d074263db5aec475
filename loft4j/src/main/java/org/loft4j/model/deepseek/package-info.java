/** DeepSeek V2 and V3 and what has its shape: keys and values of all heads from one small vector, and experts that a router scores one by one. */
@NullMarked
package org.loft4j.model.deepseek;

import org.jspecify.annotations.NullMarked;
