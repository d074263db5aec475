/** Low-rank adapters: configuration, injection, merging and PEFT's files. */
@NullMarked
package org.loft4j.adapter;

import org.jspecify.annotations.NullMarked;
