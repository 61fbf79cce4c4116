/** The address of a dictionary's JSON (`vite.config.ts`). */
declare module "*?words" {
  const address: string;
  export default address;
}
