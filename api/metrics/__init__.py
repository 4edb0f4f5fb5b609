"""What operators watch: figures of this process and of the whole product, for Prometheus."""
