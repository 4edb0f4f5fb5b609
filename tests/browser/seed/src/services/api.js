// The client that the documented service imports: axios with a token. A product that shows the
// bodies to its components without their envelope takes it off here, in one place.
import axios from 'axios';

export const apiClient = axios.create({
  baseURL: process.env.API,
  headers: { Authorization: `Bearer ${process.env.TOKEN}` }
});

if (process.env.UNWRAP) {
  apiClient.interceptors.response.use((response) => ({ ...response, data: response.data.data }));
}
