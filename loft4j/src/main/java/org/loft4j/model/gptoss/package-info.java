/** gpt-oss. */
@NullMarked
package org.loft4j.model.gptoss;

import org.jspecify.annotations.NullMarked;
