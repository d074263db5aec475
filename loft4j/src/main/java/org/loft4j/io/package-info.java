/** Files: safetensors, JSON, atomic writes; models of the Hugging Face hub and its cache on this machine. */
@NullMarked
package org.loft4j.io;

import org.jspecify.annotations.NullMarked;
