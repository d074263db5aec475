/** MPNet: Song et al. 2020 (arXiv:2004.09297). */
@NullMarked
package org.loft4j.model.mpnet;

import org.jspecify.annotations.NullMarked;
