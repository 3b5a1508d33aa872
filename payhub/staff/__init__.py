"""Who acts, what needs two people, and the chain that remembers every act."""
